"""Sources: one function per kind of data set, root folder -> Table. See `hilum sources`."""
