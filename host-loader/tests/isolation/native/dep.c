/* A library of which there are several versions. */
int dep_version(void) { return VERSION; }
