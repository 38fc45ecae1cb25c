package files

// FollowNote is what modules say that work on files.
const FollowNote = "Links in the path, and one at its end with follow, are followed where only root or the account that works could have put them there. One that another account made or could replace is refused, unless it leads to what belongs to that same account."
