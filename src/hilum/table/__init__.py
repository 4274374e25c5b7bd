"""Tables of images: what a data set says of each, cleaned, checked and split honestly."""
