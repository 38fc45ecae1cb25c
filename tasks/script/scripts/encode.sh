# encode NAME: answers what is on its input, which may hold anything.
encode() { echo "encoded $1"; base64; echo .; }
