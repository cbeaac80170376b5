"""Systems made elsewhere: files of their predictions, and models of other libraries, scored as our own are."""
