import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeMessage, grpcStatusIn, isGrpcType, parseTimeout } from './grpc.ts';
import { Field, FieldList } from './http/fields.ts';

test('grpc-timeout: up to eight digits and a unit', () => {
  const rows = [
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['5S', 5000],
    ['99999999m', 99_999_999],
    ['1500u', 1.5],
    ['500000n', 0.5],
    ['0S', 0],
  ] as const;
  for (const [text, ms] of rows) assert.equal(parseTimeout(text), ms, text);
  for (const text of [
    '',
    'S',
    '5',
    '5s',
    '123456789S',
    '-1S',
    '+1S',
    '1.5S',
    ' 1S',
    '1S ',
    '1 S',
    '1SS',
    '1constructor',
  ]) {
    assert.equal(parseTimeout(text), null, text);
  }
});

test('grpc-status: what cannot be read is UNKNOWN, what is not there is none', () => {
  const statusIn = (value: string) => grpcStatusIn(new FieldList([new Field('grpc-status', value)]));
  assert.deepEqual(['0', '14', '16', '17', '99', '-1', '1x', ''].map(statusIn), [0, 14, 16, 2, 2, 2, 2, 2]);
  assert.deepEqual([grpcStatusIn(null), grpcStatusIn(new FieldList())], [-1, -1]);
});

test('messages are percent-encoded UTF-8', () => {
  const rows = [
    ['plain text, ~', 'plain text, ~'],
    ['50 %', '50 %25'],
    ['a\r\nb', 'a%0D%0Ab'],
    ['½ €', '%C2%BD %E2%82%AC'],
    ['😀', '%F0%9F%98%80'],
    ['\ud83d', '%EF%BF%BD'],
  ] as const;
  for (const [text, encoded] of rows) assert.equal(encodeMessage(text), encoded);
});

test('content types of gRPC', () => {
  for (const type of ['application/grpc', 'application/grpc+json', 'APPLICATION/GRPC; a=b', 'application/grpc ;a=b']) {
    assert.ok(isGrpcType(type), type);
  }
  for (const type of [
    undefined,
    '',
    'application/grpc-web',
    'application/grpc-web+proto',
    'application/grp',
    'text/plain',
  ]) {
    assert.ok(!isGrpcType(type), String(type));
  }
});
