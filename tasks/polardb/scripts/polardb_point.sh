# Has the link to the engine that is run lead to a version. It is replaced by a rename: there is one at every moment.
# takes: ENGINE VERSION
set -e
cd "$ENGINE"
ln -sfn "versions/$VERSION" current.new
mv -fT current.new current
sync
