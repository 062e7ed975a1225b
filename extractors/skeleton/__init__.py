"""Stage `skeleton`: the joints of a keypoint file, in two or three dimensions, without a video."""
