/* A library that needs the other one. */
int dep_version(void);

int outer_version(void) { return dep_version(); }
