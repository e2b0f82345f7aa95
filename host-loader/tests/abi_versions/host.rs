//! Loads the plugins below a directory and prints what one of them answers.

use host_loader::FileSystems;

fn main() -> Result<(), plugin_api::Error> {
    let directory = std::env::args().nth(1).expect("a plugin directory");
    let systems = FileSystems::builder().search_environment(false).plugin_dir(directory).build()?;
    futures_executor::block_on(async {
        let (fs, path) = systems.open_path("versioned://x/key").await?;
        println!("{:#x} {}", fs.capabilities().bits(), fs.status(&path).await?.len);
        Ok(())
    })
}
