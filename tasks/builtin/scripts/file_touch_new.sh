# Makes an empty file at p.
# uses: at_path attributes file_times
fresh "$b" || exit 1
chmod "$(printf %o $((0666 & ~$(umask))))" $held || exit 1
set_times $held
give $held
