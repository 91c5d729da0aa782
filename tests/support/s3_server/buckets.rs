//! The store behind the server: `s3s-fs` for objects, a listing of our own.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

use super::faults::{Faults, ListDialect};

pub(super) struct Buckets {
    objects: FileSystem,
    root: PathBuf,
    faults: Arc<Faults>,
    /// The MD5 of the key (SSE-C) with which an object was put, by bucket and name.
    keys: Mutex<HashMap<(String, String), String>>,
}

impl Buckets {
    pub(super) fn new(root: &Path, faults: Arc<Faults>) -> Self {
        let root = root.canonicalize().unwrap();
        Self { objects: FileSystem::new(&root).unwrap(), root, faults, keys: Mutex::default() }
    }

    /// The folder of a bucket; `s3s-fs` would make a missing one, or call the object missing.
    fn bucket(&self, name: &str) -> S3Result<PathBuf> {
        let dir = self.root.join(name);
        if dir.is_dir() { Ok(dir) } else { Err(s3_error!(NoSuchBucket, "The specified bucket does not exist")) }
    }

    /// Refuses a request about an object that was put with another key (SSE-C) than it brings.
    fn check_key(&self, bucket: &str, name: &str, md5: Option<&String>) -> S3Result<()> {
        let keys = self.keys.lock().unwrap();
        match (keys.get(&(bucket.to_owned(), name.to_owned())), md5) {
            (None, None) => Ok(()),
            (Some(put), Some(brought)) if put == brought => Ok(()),
            (Some(_), Some(_)) => Err(s3_error!(AccessDenied, "The key is not the one the object was stored with")),
            _ => Err(s3_error!(InvalidRequest, "The correct parameters of the encryption must be provided")),
        }
    }

    fn listing(&self, asked: &Asked) -> S3Result<Given> {
        let dialect = self.faults.dialect();
        let dir = self.bucket(&asked.bucket)?;
        let heed = match dialect {
            ListDialect::KnowsOnlyV1 => asked.is_v1,
            ListDialect::IgnoresStart => false,
            _ => true,
        };
        let after = if heed { asked.after.as_str() } else { "" };
        if dialect == ListDialect::EmptyForEver || dialect == ListDialect::EmptyAnswers && asked.token.is_none() {
            let turn = asked.token.as_deref().map_or(0, |token| token.len());
            let token = if asked.token.is_none() { format!("after:{after}") } else { "x".repeat(turn + 1) };
            return Ok(Given { names: Vec::new(), more: Some(true), token: Some(token), encoding: None });
        }
        let mut names = Vec::new();
        walk(&dir, "", &asked.prefix, after, asked.limit + 1, &mut names);
        let more = names.len() > asked.limit;
        names.truncate(asked.limit);
        let token = names.last().filter(|_| more).map(|(name, _)| format!("after:{name}"));
        if dialect == ListDialect::Unsorted && names.len() > 1 {
            names.swap(0, 1);
        }
        let encoding = asked.encoding.clone().filter(|_| dialect != ListDialect::NoEncoding);
        if encoding.is_some() {
            names.iter_mut().for_each(|(name, _)| *name = encode(name));
        }
        let more = (dialect != ListDialect::NoTruncatedFlag).then_some(more);
        Ok(Given { names, more, token, encoding })
    }
}

/// What a listing request asks, of either version.
struct Asked {
    bucket: String,
    prefix: String,
    after: String,
    token: Option<String>,
    limit: usize,
    encoding: Option<EncodingType>,
    is_v1: bool,
}

struct Given {
    names: Vec<(String, u64)>,
    more: Option<bool>,
    token: Option<String>,
    encoding: Option<EncodingType>,
}

impl Given {
    fn contents(&self) -> Option<Vec<Object>> {
        let object = |(name, size): &(String, u64)| Object {
            key: Some(name.clone()),
            size: Some(i64::try_from(*size).unwrap()),
            ..Default::default()
        };
        Some(self.names.iter().map(object).collect())
    }
}

/// The names below `dir` that begin with `prefix` and come after `after`, in order, at most `limit`.
fn walk(dir: &Path, at: &str, prefix: &str, after: &str, limit: usize, out: &mut Vec<(String, u64)>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let slash = if entry.file_type().ok()?.is_dir() { "/" } else { "" };
            Some(format!("{at}{}{slash}", entry.file_name().to_str()?))
        })
        .collect();
    names.sort();
    for name in names {
        if out.len() >= limit {
            return;
        }
        let path = dir.join(Path::new(name.trim_end_matches('/')).file_name().unwrap_or(OsStr::new("")));
        if name.ends_with('/') {
            let is_inside = name.starts_with(prefix) || prefix.starts_with(&name);
            if is_inside && (name.as_str() > after || after.starts_with(&name)) {
                walk(&path, &name, prefix, after, limit, out);
            }
        } else if name.starts_with(prefix)
            && name.as_str() > after
            && let Ok(meta) = path.metadata()
        {
            out.push((name, meta.len()));
        }
    }
}

/// As Amazon does for `encoding-type=url`.
fn encode(name: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'*')
        .remove(b'/')
        .remove(b' ');
    percent_encoding::utf8_percent_encode(name, KEPT).to_string().replace(' ', "+")
}

#[async_trait::async_trait]
impl S3 for Buckets {
    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        self.objects.create_bucket(req).await
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.bucket(&req.input.bucket)?;
        self.objects.head_bucket(req).await
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        self.bucket(&req.input.bucket)?;
        self.check_key(&req.input.bucket, &req.input.key, req.input.sse_customer_key_md5.as_ref())?;
        self.objects.get_object(req).await
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        self.bucket(&req.input.bucket)?;
        self.check_key(&req.input.bucket, &req.input.key, req.input.sse_customer_key_md5.as_ref())?;
        self.objects.head_object(req).await
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        self.bucket(&req.input.bucket)?;
        let (name, md5) = ((req.input.bucket.clone(), req.input.key.clone()), req.input.sse_customer_key_md5.clone());
        if req.input.sse_customer_algorithm.is_some() != req.input.sse_customer_key.is_some() {
            return Err(s3_error!(InvalidRequest, "Only a part of the encryption's parameters came"));
        }
        let answer = self.objects.put_object(req).await?;
        let mut keys = self.keys.lock().unwrap();
        match md5 {
            Some(md5) => keys.insert(name, md5),
            None => keys.remove(&name),
        };
        Ok(answer)
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.bucket(&req.input.bucket)?;
        self.objects.delete_object(req).await
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        let from_token = input.continuation_token.as_deref().and_then(|token| token.strip_prefix("after:"));
        let asked = Asked {
            after: from_token.or(input.start_after.as_deref()).unwrap_or_default().to_owned(),
            bucket: input.bucket,
            prefix: input.prefix.unwrap_or_default(),
            token: input.continuation_token,
            limit: usize::try_from(input.max_keys.unwrap_or(1000)).unwrap().min(1000),
            encoding: input.encoding_type,
            is_v1: false,
        };
        let given = self.listing(&asked)?;
        Ok(S3Response::new(ListObjectsV2Output {
            contents: given.contents(),
            key_count: Some(i32::try_from(given.names.len()).unwrap()),
            is_truncated: given.more,
            next_continuation_token: given.token,
            encoding_type: given.encoding,
            ..Default::default()
        }))
    }

    async fn list_objects(&self, req: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
        let input = req.input;
        let asked = Asked {
            after: input.marker.unwrap_or_default(),
            bucket: input.bucket,
            prefix: input.prefix.unwrap_or_default(),
            token: None,
            limit: usize::try_from(input.max_keys.unwrap_or(1000)).unwrap().min(1000),
            encoding: input.encoding_type,
            is_v1: true,
        };
        let given = self.listing(&asked)?;
        Ok(S3Response::new(ListObjectsOutput {
            contents: given.contents(),
            is_truncated: given.more,
            encoding_type: given.encoding,
            ..Default::default()
        }))
    }
}
