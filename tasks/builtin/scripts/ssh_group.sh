# Gives the file that was placed, in the working directory, the group that the account logs in with: that is what nothing behind the
# colon means.
# uses: inside
# takes: user
hold "$b"
chown "$user:" $held || exit 1
