//! `create` with `Overwrite`.

use plugin_api::{Bytes, Capabilities, CreateOptions, ErrorKind, WriteMode};

use super::table;
use crate::case::Case;
use crate::content::{LARGE, content};
use crate::context::Context;
use crate::failure::{CaseResult, ensure, ensure_eq, expect_error, expect_same};

pub(super) fn cases() -> Vec<Case> {
    let real = Capabilities::REAL_DIRECTORIES;
    table![
        a_new_file => "a file that did not exist is made";
        replaces_a_file => "a file is replaced whole";
        a_shorter_file_leaves_nothing_of_the_longer => "nothing of a longer predecessor is left";
        a_longer_file_replaces_a_shorter => "a shorter predecessor is replaced";
        an_empty_file_replaces_one_with_content => "a file can be replaced by an empty one";
        an_empty_file_is_replaced => "an empty file can be replaced";
        large_replaces_small_and_back => "files of one request and of many parts replace each other";
        again_and_again => "the last of 20 versions is what stays";
        the_old_file_is_there_until_close => "until close the old file is read, unchanged";
        abort_leaves_the_old_file => "an aborted overwrite leaves the old file";
        drop_leaves_the_old_file => "a dropped overwrite leaves the old file";
        parents_need_not_exist => "directories above a new file need not exist";
        one_byte => "a file of one byte is made";
        many_small_writes => "thousands of small writes arrive in order";
        writes_of_all_sizes => "writes of 0 bytes to a mebibyte arrive in order";
        borrowed_and_owned_writes_mix => "write and write_bytes continue each other";
        the_callers_buffer_may_be_reused => "what was written does not change with the caller's buffer";
        one_huge_write => "a single write of several parts arrives whole";
        a_size_hint_is_only_a_hint => "a size hint that is too small or too large does no harm";
        a_media_type_does_no_harm => "a file made with a media type has its content";
        other_files_are_left_alone => "files whose names begin alike are not touched";
        the_last_of_two_streams_wins_whole => "of two streams on one path the last to close wins, whole";
        a_directory_cannot_be_replaced => "a directory is not replaced by a file", needs(real);
        a_file_above_is_in_the_way => "no file is made below a file", needs(real);
        the_root_cannot_be_a_file => "the root cannot be made a file";
    ]
}

async fn a_new_file(c: &Context) -> CaseResult {
    c.write("file", "content").await?;
    c.expect_content("file", b"content", "the new file").await?;
    c.expect_files(&["file"], "afterwards").await
}

async fn replaced(c: &Context, lengths: &[usize]) -> CaseResult {
    for (version, &len) in lengths.iter().enumerate() {
        let expected = content(len, version as u64);
        c.write("file", expected.clone()).await?;
        c.expect_content("file", &expected, &format!("version {version}"))
            .await?;
    }
    c.expect_files(&["file"], "afterwards").await
}

async fn replaces_a_file(c: &Context) -> CaseResult {
    replaced(c, &[5000, 5000]).await
}

async fn a_shorter_file_leaves_nothing_of_the_longer(c: &Context) -> CaseResult {
    replaced(c, &[100_000, 10]).await
}

async fn a_longer_file_replaces_a_shorter(c: &Context) -> CaseResult {
    replaced(c, &[10, 100_000]).await
}

async fn an_empty_file_replaces_one_with_content(c: &Context) -> CaseResult {
    replaced(c, &[1000, 0]).await
}

async fn an_empty_file_is_replaced(c: &Context) -> CaseResult {
    replaced(c, &[0, 1000]).await
}

async fn large_replaces_small_and_back(c: &Context) -> CaseResult {
    replaced(c, &[10, LARGE, 20, LARGE + 1]).await
}

async fn again_and_again(c: &Context) -> CaseResult {
    for version in 0..20 {
        c.write("file", content(1000, version)).await?;
    }
    c.expect_content("file", &content(1000, 19), "the last version")
        .await
}

async fn the_old_file_is_there_until_close(c: &Context) -> CaseResult {
    for len in [10, LARGE] {
        let (old, new) = (content(len, 1), content(len + 3, 2));
        c.write("file", old.clone()).await?;
        let mut stream = c.create("file", WriteMode::Overwrite).await?;
        c.expect_content("file", &old, "after create").await?;
        stream.write_bytes(new.clone()).await?;
        c.expect_content("file", &old, "after the write").await?;
        stream.flush().await?;
        stream.sync().await?;
        c.expect_content("file", &old, "after flush and sync").await?;
        stream.close().await?;
        c.expect_content("file", &new, "after close").await?;
    }
    Ok(())
}

async fn abort_leaves_the_old_file(c: &Context) -> CaseResult {
    for len in [10, LARGE] {
        c.write("file", "old").await?;
        let mut stream = c.create("file", WriteMode::Overwrite).await?;
        stream.write_bytes(content(len, 2)).await?;
        stream.abort().await?;
        c.expect_content("file", b"old", "after abort").await?;
    }
    c.expect_files(&["file"], "afterwards").await
}

async fn drop_leaves_the_old_file(c: &Context) -> CaseResult {
    for len in [10, LARGE] {
        c.write("file", "old").await?;
        let mut stream = c.create("file", WriteMode::Overwrite).await?;
        stream.write_bytes(content(len, 2)).await?;
        drop(stream);
        c.expect_content("file", b"old", "after drop").await?;
    }
    c.expect_files(&["file"], "afterwards").await
}

async fn parents_need_not_exist(c: &Context) -> CaseResult {
    c.write("a/b/c/d/e/file", "x").await?;
    c.expect_content("a/b/c/d/e/file", b"x", "the file").await
}

async fn one_byte(c: &Context) -> CaseResult {
    c.write("file", vec![0_u8]).await?;
    c.expect_content("file", &[0], "a byte of zero").await
}

async fn many_small_writes(c: &Context) -> CaseResult {
    let expected = content(60_000, 3);
    let mut stream = c.create("file", WriteMode::Overwrite).await?;
    for piece in expected.chunks(13) {
        stream.write(piece).await?;
    }
    ensure_eq!(stream.position(), 60_000, "the position");
    stream.close().await?;
    c.expect_content("file", &expected, "small writes").await
}

async fn writes_of_all_sizes(c: &Context) -> CaseResult {
    let mut stream = c.create("file", WriteMode::Overwrite).await?;
    let mut expected = Vec::new();
    for (seed, len) in [0, 1, 2, 255, 4096, 65_535, 65_536, 65_537, 0, 1 << 20, 3]
        .into_iter()
        .enumerate()
    {
        let piece = content(len, seed as u64);
        stream.write(&piece).await?;
        expected.extend_from_slice(&piece);
        ensure_eq!(stream.position(), expected.len() as u64, "the position");
    }
    stream.close().await?;
    c.expect_content("file", &expected, "writes of all sizes").await
}

async fn borrowed_and_owned_writes_mix(c: &Context) -> CaseResult {
    let mut stream = c.create("file", WriteMode::Overwrite).await?;
    let mut expected = Vec::new();
    for round in 0..40_u64 {
        let piece = content(if round % 5 == 0 { 100_000 } else { 77 }, round);
        if round % 2 == 0 {
            stream.write(&piece).await?;
        } else {
            stream.write_bytes(piece.clone()).await?;
        }
        expected.extend_from_slice(&piece);
    }
    stream.close().await?;
    c.expect_content("file", &expected, "both kinds of writes").await
}

async fn the_callers_buffer_may_be_reused(c: &Context) -> CaseResult {
    let mut stream = c.create("file", WriteMode::Overwrite).await?;
    let (mut buffer, mut expected) = (vec![0; 50_000], Vec::new());
    for round in 0..10 {
        buffer.fill(round);
        stream.write(&buffer).await?;
        expected.extend_from_slice(&buffer);
    }
    buffer.fill(0xFF);
    stream.close().await?;
    c.expect_content("file", &expected, "a reused buffer").await
}

async fn one_huge_write(c: &Context) -> CaseResult {
    let expected = content(3 * LARGE, 4);
    let mut stream = c.create("file", WriteMode::Overwrite).await?;
    stream.write(&expected).await?;
    ensure_eq!(stream.position(), expected.len() as u64, "the position");
    stream.close().await?;
    c.expect_content("file", &expected, "one huge write").await
}

async fn with_options(c: &Context, options: &CreateOptions, expected: Bytes) -> CaseResult {
    let mut stream = c.fs().create(&c.at("file"), options).await?;
    stream.write_bytes(expected.clone()).await?;
    stream.close().await?;
    c.expect_content("file", &expected, "the content").await
}

async fn a_size_hint_is_only_a_hint(c: &Context) -> CaseResult {
    for (hint, len) in [
        (1, 100_000),
        (1 << 30, 10),
        (LARGE as u64, LARGE),
        (10, LARGE),
        (1 << 40, 0),
    ] {
        let options = CreateOptions {
            size_hint: hint,
            ..CreateOptions::overwrite()
        };
        with_options(c, &options, content(len, hint)).await?;
    }
    Ok(())
}

async fn a_media_type_does_no_harm(c: &Context) -> CaseResult {
    let options = CreateOptions {
        content_type: "application/vnd.apache.parquet".to_owned(),
        ..CreateOptions::overwrite()
    };
    with_options(c, &options, content(100, 5)).await?;
    with_options(c, &options, content(LARGE, 6)).await
}

async fn other_files_are_left_alone(c: &Context) -> CaseResult {
    for name in ["file", "file2", "fil", "file.txt"] {
        c.write(name, name.to_owned()).await?;
    }
    c.write("file", "new").await?;
    for name in ["file2", "fil", "file.txt"] {
        c.expect_content(name, name.as_bytes(), "a neighbour").await?;
    }
    Ok(())
}

async fn the_last_of_two_streams_wins_whole(c: &Context) -> CaseResult {
    for len in [1000, LARGE] {
        let (one, other) = (content(len, 1), content(len, 2));
        let mut first = c.create("file", WriteMode::Overwrite).await?;
        let mut second = c.create("file", WriteMode::Overwrite).await?;
        for (a, b) in one.chunks(100_000).zip(other.chunks(100_000)) {
            first.write(a).await?;
            second.write(b).await?;
        }
        second.close().await?;
        expect_same(&c.read("file").await?, &other, "after the second stream")?;
        first.close().await?;
        expect_same(&c.read("file").await?, &one, "after the first stream")?;
    }
    Ok(())
}

async fn a_directory_cannot_be_replaced(c: &Context) -> CaseResult {
    c.write("d/file", "x").await?;
    let result = async {
        let mut stream = c.fs().create(&c.at("d"), &CreateOptions::overwrite()).await?;
        stream.write(b"y").await?;
        stream.close().await
    };
    expect_error(result.await, &[ErrorKind::IsADirectory], "a directory")?;
    c.expect_content("d/file", b"x", "what is in the directory").await
}

async fn a_file_above_is_in_the_way(c: &Context) -> CaseResult {
    c.write("file", "x").await?;
    let result = async {
        let mut stream = c
            .fs()
            .create(&c.at("file/below"), &CreateOptions::overwrite())
            .await?;
        stream.write(b"y").await?;
        stream.close().await
    };
    expect_error(result.await, &[ErrorKind::NotADirectory], "a path below a file")?;
    c.expect_content("file", b"x", "the file").await
}

async fn the_root_cannot_be_a_file(c: &Context) -> CaseResult {
    let root = c.directory().with_key("");
    let result = async {
        let mut stream = c.fs().create(&root, &CreateOptions::overwrite()).await?;
        stream.close().await
    };
    let error = expect_error(
        result.await,
        &[ErrorKind::IsADirectory, ErrorKind::InvalidPath],
        "a file at the root",
    )?;
    ensure!(!error.remedy().is_empty(), "the error says no remedy: {error}");
    Ok(())
}
