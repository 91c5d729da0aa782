"""Drives Alibaba's SDK against an OSS server. Usage: oss_sdk.py check|write|read PORT VERSION KEY_ID SECRET REGION BUCKET

check: everything the SDK does with objects, and the errors it knows. write: objects for another client to read, named
as the arguments that follow. read: prints `name sha1` of every object in the bucket.
"""
import hashlib
import socket
import sys

import oss2
from oss2.exceptions import NoSuchBucket, NoSuchKey, ServerError

action, port, version, key_id, secret, region, bucket_name = sys.argv[1:8]

# Names below localhost are this machine, but not every resolver knows; the SDK puts the bucket in front of the host.
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: resolve(
    '127.0.0.1' if str(host).endswith('.localhost') else host, *rest, **more)


def bucket_of(host='oss.localhost', name=bucket_name, key_id=key_id, secret=secret):
    auth = oss2.AuthV4(key_id, secret) if version == 'v4' else oss2.Auth(key_id, secret)
    return oss2.Bucket(auth, 'http://%s:%s' % (host, port), name, region=region if version == 'v4' else None)


def refused(code, call, *args):
    try:
        call(*args)
    except ServerError as error:
        assert error.code == code, (error.code, code)
        assert error.request_id and error.ec, vars(error)
        return error
    raise AssertionError('%s expected' % code)


def check():
    samples = {'plain': b'text', 'a/b c+d%&é日本<>"\'': bytes(range(256)), 'empty': b'', 'big': b'\x00\xff' * 2_000_000}
    for bucket in (bucket_of(), bucket_of('127.0.0.1')):
        for name, data in samples.items():
            result = bucket.put_object(name, data)
            assert result.etag == hashlib.md5(data).hexdigest().upper(), result.etag
            bucket.put_object(name, data, headers={'Content-Type': 'text/plain', 'x-oss-meta-b': '2', 'x-oss-meta-a': '1'})
            assert bucket.get_object(name).read() == data
            assert bucket.head_object(name).content_length == len(data)
            assert bucket.object_exists(name)
        for size in (1, 2, 1000):
            listed = [found.key for found in oss2.ObjectIteratorV2(bucket, max_keys=size)]
            assert listed == sorted(samples, key=lambda name: name.encode()), listed
        page = bucket.list_objects_v2(prefix='a/b c+', encoding_type='', max_keys=10)
        assert [found.key for found in page.object_list] == ['a/b c+d%&é日本<>"\''], page.object_list
        page = bucket.list_objects_v2(start_after='empty')
        assert [found.key for found in page.object_list] == ['plain'] and not page.is_truncated
        assert isinstance(refused('NoSuchKey', bucket.get_object, 'absent'), NoSuchKey)
        refused('NoSuchKey', bucket.head_object, 'absent')
        assert not bucket.object_exists('absent')
        for name in samples:
            bucket.delete_object(name)
        bucket.delete_object('absent')
        assert not list(oss2.ObjectIteratorV2(bucket))
    assert isinstance(refused('NoSuchBucket', bucket_of(name='absent').get_object, 'x'), NoSuchBucket)
    refused('SignatureDoesNotMatch', bucket_of(secret='wrong').get_object, 'x')
    refused('InvalidAccessKeyId', bucket_of(key_id='unknown').get_object, 'x')


if action == 'check':
    check()
elif action == 'write':
    for name in sys.argv[8:]:
        bucket_of().put_object(name, b'the SDK wrote ' + name.encode())
else:
    for found in oss2.ObjectIteratorV2(bucket_of()):
        print(found.key, hashlib.sha1(bucket_of().get_object(found.key).read()).hexdigest())
