# Prints the group's line.
# uses: preamble entry
# takes: group
line=$(entry group "$group") && echo "group $line"
exit 0
