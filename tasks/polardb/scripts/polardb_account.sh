# Has the engine's account run another script, with the words that this one is given.
# uses: preamble
# takes: OWNER inner
cd /
exec runuser -u "$OWNER" -- sh -euc "$inner" sh "$@"
