// What a C++ header has: a static in an inline function, which g++ makes unique in the whole process.
inline int &kept() {
    static int version = VERSION;
    return version;
}

extern "C" int dep_version() { return kept(); }
