//! What is known of schemes and plugins before any plugin is there: for hints, and for names from Flink.

/// A store that schemes belong to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Store {
    pub(crate) schemes: &'static [&'static str],
    /// Whose scheme it is, as it stands after "it is that of".
    pub(crate) name: &'static str,
    /// The plugin that is made for it.
    pub(crate) plugin: Option<KnownPlugin>,
}

/// A plugin that need only be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownPlugin {
    pub(crate) name: &'static str,
    /// The name of its library.
    pub(crate) file: &'static str,
    /// The schemes that it serves: others of its store have to be written as one of these.
    pub(crate) schemes: &'static [&'static str],
}

const S3_NATIVE: KnownPlugin = KnownPlugin {
    name: "s3-native",
    file: "libs3_native_plugin.so",
    schemes: &["s3", "s3a"],
};

const STORES: &[Store] = &[
    store(
        &["s3", "s3a", "s3n", "s3p"],
        "Amazon S3 and stores like it",
        Some(S3_NATIVE),
    ),
    store(&["gs"], "Google Cloud Storage", None),
    store(&["abfs", "abfss"], "Azure Data Lake Storage", None),
    store(&["wasb", "wasbs"], "Azure Blob Storage", None),
    store(&["oss"], "Alibaba Cloud OSS", None),
    store(&["cosn"], "Tencent Cloud COS", None),
    store(&["obs"], "Huawei Cloud OBS", None),
    store(&["hdfs", "viewfs", "webhdfs", "swebhdfs"], "Hadoop's HDFS", None),
    store(&["o3fs", "ofs"], "Apache Ozone", None),
    store(&["maprfs"], "MapR-FS", None),
];

const fn store(schemes: &'static [&'static str], name: &'static str, plugin: Option<KnownPlugin>) -> Store {
    Store {
        schemes,
        name,
        plugin,
    }
}

/// A factory of Flink.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FlinkFactory {
    /// The name of its class without the package.
    class: &'static str,
    /// The plugin that takes its place.
    pub(crate) plugin: Option<&'static str>,
}

/// Those of its Hadoop and Presto connectors have no plugin: the one plugin for S3 would have two priorities.
const FACTORIES: &[FlinkFactory] = &[
    factory("NativeS3FileSystemFactory", Some(S3_NATIVE.name)),
    factory("NativeS3AFileSystemFactory", Some(S3_NATIVE.name)),
    factory("S3FileSystemFactory", None),
    factory("S3AFileSystemFactory", None),
    factory("S3PFileSystemFactory", None),
    factory("HadoopFsFactory", None),
    factory("GSFileSystemFactory", None),
    factory("OSSFileSystemFactory", None),
    factory("AzureBlobStorageFSFactory", None),
    factory("SecureAzureBlobStorageFSFactory", None),
    factory("AzureDataLakeStoreGen2FSFactory", None),
    factory("SecureAzureDataLakeStoreGen2FSFactory", None),
];

const fn factory(class: &'static str, plugin: Option<&'static str>) -> FlinkFactory {
    FlinkFactory { class, plugin }
}

/// The store of a scheme, in lower case.
pub(crate) fn store_of(scheme: &str) -> Option<&'static Store> {
    STORES.iter().find(|store| store.schemes.contains(&scheme))
}

/// One of Flink's factories, by the name of its class with or without its package.
pub(crate) fn factory_of_flink(class: &str) -> Option<&'static FlinkFactory> {
    let name = class.rsplit('.').next().unwrap_or(class);
    FACTORIES.iter().find(|factory| factory.class == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_scheme_belongs_to_two_stores() {
        let all: Vec<&str> = STORES.iter().flat_map(|store| store.schemes).copied().collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert_eq!(store_of("s3a").unwrap().plugin.unwrap().name, "s3-native");
        assert_eq!(store_of("gs").unwrap().plugin, None);
        assert_eq!(store_of("gopher"), None);
    }

    #[test]
    fn the_factory_of_flinks_native_plugin_is_ours_and_its_others_are_known() {
        let plugin = |class| factory_of_flink(class).map(|factory| factory.plugin);
        let native = "org.apache.flink.fs.s3native.NativeS3FileSystemFactory";
        assert_eq!(plugin(native), Some(Some("s3-native")));
        assert_eq!(plugin("NativeS3AFileSystemFactory"), Some(Some("s3-native")));
        for class in [
            "org.apache.flink.fs.s3hadoop.S3FileSystemFactory",
            "org.apache.flink.fs.s3presto.S3PFileSystemFactory",
        ] {
            assert_eq!(plugin(class), Some(None));
        }
        assert_eq!(plugin("s3-native"), None);
    }
}
