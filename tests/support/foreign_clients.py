"""Drives boto3 or python-swiftclient against a real server: foreign_clients.py create|remove|read|write [NAME...]

The connection is JSON in the variable CONNECTION. create, remove: the bucket or container, with all that is in it.
write: objects for another client to read, named as the arguments. read: prints `name sha1` of every object.
"""
import hashlib
import json
import os
import sys

action = sys.argv[1]
asked = json.loads(os.environ['CONNECTION'])
container = asked['container']


class S3:
    def __init__(self):
        import boto3
        from botocore.config import Config
        self.client = boto3.client(
            's3', endpoint_url=asked['url'], region_name='us-east-1',
            aws_access_key_id=asked['id'], aws_secret_access_key=asked['key'],
            config=Config(signature_version='s3v4', s3={'addressing_style': 'path'}))

    def create(self):
        self.client.create_bucket(Bucket=container)

    def remove(self):
        self.client.delete_bucket(Bucket=container)

    def names(self):
        pages = self.client.get_paginator('list_objects_v2').paginate(Bucket=container)
        return [found['Key'] for page in pages for found in page.get('Contents', [])]

    def get(self, name):
        return self.client.get_object(Bucket=container, Key=name)['Body'].read()

    def put(self, name, data):
        self.client.put_object(Bucket=container, Key=name, Body=data)

    def delete(self, name):
        self.client.delete_object(Bucket=container, Key=name)


class Swift:
    def __init__(self):
        from swiftclient import Connection
        options = {}
        if asked['version'] == '3':
            options = {'tenant_name': asked['tenant'], 'os_options': {
                'user_domain_id': asked['domain'], 'project_domain_id': asked['domain']}}
        self.client = Connection(
            authurl=asked['url'], user=asked['user'], key=asked['password'], auth_version=asked['version'], **options)

    def create(self):
        self.client.put_container(container)

    def remove(self):
        self.client.delete_container(container)

    def names(self):
        return [found['name'] for found in self.client.get_container(container, full_listing=True)[1]]

    def get(self, name):
        return self.client.get_object(container, name)[1]

    def put(self, name, data):
        self.client.put_object(container, name, data)

    def delete(self, name):
        self.client.delete_object(container, name)


client = S3() if asked['client'] == 's3' else Swift()
if action == 'create':
    client.create()
elif action == 'remove':
    for name in client.names():
        client.delete(name)
    client.remove()
elif action == 'write':
    for name in sys.argv[2:]:
        client.put(name, b'\x00\xffanother client wrote ' + name.encode())
else:
    for name in client.names():
        print(name, hashlib.sha1(client.get(name)).hexdigest())
