import { describe, expect, test } from 'vitest';
import { accepts, encodingOfAccept, encodingOfContentType, mediaTypeOf } from './media-type.ts';

describe('the type of a body', () => {
  test.each([
    ['application/json', 'json'],
    ['application/x-protobuf', 'protobuf'],
    ['application/json; charset=utf-8', undefined],
    ['application/json ', undefined],
    ['Application/JSON', undefined],
    ['text/plain', undefined],
    ['', undefined],
  ])('%j is %s', (contentType, encoding) => {
    expect(encodingOfContentType(contentType)).toBe(encoding);
  });
});

describe('what a client accepts', () => {
  test.each([
    [undefined, 'json'],
    ['', 'json'],
    ['*/*', 'json'],
    ['application/*', 'json'],
    ['application/json', 'json'],
    ['application/x-protobuf', 'protobuf'],
    // A Go client says it twice; Node joins the two.
    ['application/x-protobuf, application/x-protobuf', 'protobuf'],
    ['application/x-protobuf, application/json', 'json'],
    ['application/x-protobuf;q=1.0, application/json;q=0.1', 'json'],
    ['application/json;q=0, */*', 'protobuf'],
    ['*/*, application/json;q=0.0', 'protobuf'],
    ['*/*;q=0', undefined],
    ['text/html, image/*', undefined],
    ['text/html, */*;q=0.8', 'json'],
    ['APPLICATION/X-PROTOBUF ; Q=0.5', 'protobuf'],
    [',,;;', undefined],
  ])('%j means %s', (accept, encoding) => {
    expect(encodingOfAccept(accept)).toBe(encoding);
  });

  test('is told for any other type in the same way', () => {
    expect(accepts('application/recordio', 'application/recordio')).toBe(true);
    expect(accepts('application/json', 'application/recordio')).toBe(false);
  });

  test('is answered with the type of that name', () => {
    expect(encodingOfContentType(mediaTypeOf('protobuf'))).toBe('protobuf');
    expect(encodingOfContentType(mediaTypeOf('json'))).toBe('json');
  });
});
