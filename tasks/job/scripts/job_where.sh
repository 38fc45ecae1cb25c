# Prints where a job is noted.
# uses: job_place encode
# takes: id
printf %s "$dir/$id" | encode file
