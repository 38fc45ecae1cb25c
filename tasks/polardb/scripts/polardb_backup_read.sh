# Prints which files of a backup are not what was written.
# uses: polardb_backup_sums
# takes: FROM OWNER TIMEOUT
cd /
wrong_files "$FROM"
echo end=yes
