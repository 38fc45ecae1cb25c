# Removes the configuration files that were kept.
# uses: polardb_keep_former
# takes: KEPT
rm -rf "$KEPT" "$KEPT.new"
forget_former
