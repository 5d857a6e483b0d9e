/**
 * The authorization server of golden traffic over gRPC (Envoy's ext_authz), by other people's gRPC and protobuf. It does what
 * Authorization says: `Bearer NAME` lets pass as NAME, `Status CODE` denies with that code, `Fail` fails, all else is denied.
 */
import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** What of a CheckRequest the cases look at. */
interface Asked {
  readonly strings: Readonly<Record<number, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly source: string;
}

export function startGrpcAuth(): Promise<{ port: number; close(): void }> {
  const server = new Server();
  const check = {
    path: '/envoy.service.auth.v3.Authorization/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: (bytes: Buffer) => bytes,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Uint8Array) => Buffer.from(bytes),
    responseDeserialize: (bytes: Buffer) => bytes,
  } as const;
  server.addService(
    { check },
    {
      check(call: ServerUnaryCall<Buffer, Uint8Array>, callback: sendUnaryData<Uint8Array>) {
        const asked = readRequest(call.request);
        if (asked.headers['authorization'] === 'Fail') callback({ code: status.INTERNAL, details: 'as asked' });
        else callback(null, answerTo(asked));
      },
    },
  );
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error);
      else resolve({ port, close: () => server.forceShutdown() });
    });
  });
}

/** The length-delimited fields of a message; integers are passed over. */
function fieldsOf(bytes: Uint8Array): readonly (readonly [number, Uint8Array])[] {
  const reader = new BinaryReader(bytes);
  const fields: (readonly [number, Uint8Array])[] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (type === WireType.LengthDelimited) fields.push([field, reader.bytes()]);
    else reader.skip(type, field);
  }
  return fields;
}

function within(bytes: Uint8Array, ...path: readonly number[]): Uint8Array {
  return path.reduce((inner, field) => fieldsOf(inner).find(([number]) => number === field)![1], bytes);
}

const text = (bytes: Uint8Array): string => new TextDecoder('utf-8', { fatal: true }).decode(bytes);

function readRequest(bytes: Uint8Array): Asked {
  const http = within(bytes, 1, 4, 2);
  const pairs = fieldsOf(http).flatMap(([field, value]) => (field === 3 ? [fieldsOf(value)] : []));
  return {
    strings: Object.fromEntries(
      fieldsOf(http).flatMap(([field, value]) => (field === 3 ? [] : [[field, text(value)]])),
    ),
    headers: Object.fromEntries(pairs.map((pair) => [text(pair[0]![1]), pair[1] ? text(pair[1][1]) : ''])),
    source: text(within(bytes, 1, 1, 1, 1, 2)),
  };
}

const DENIED = 7;

function answerTo({ strings, headers, source }: Asked): Uint8Array {
  const [scheme, value = ''] = (headers['authorization'] ?? '').split(' ');
  if (scheme === 'Status') {
    const code = message([1, Number(value)]);
    return message([1, message([1, DENIED])], [2, message([1, code], [2, option('x-refused', 'yes')], [3, 'refused'])]);
  }
  if (scheme !== 'Bearer') return message([1, message([1, DENIED])]);
  const own = Object.keys(headers).filter((name) => name.startsWith('x-tenant') || name.startsWith(':'));
  const seen = [strings[2], strings[4], strings[5], strings[6], source, ...own.toSorted()].join(' ');
  const ok = message(
    [2, option('x-user', value)],
    [2, option('x-asked', seen)],
    [2, option('x-asked-body', strings[11] ?? 'none')],
    [2, option('x-tenant', 'too', [2, message([1, 1])])],
    [2, option('host', 'evil.example')],
    [5, 'Authorization'],
    [5, 'Host'],
    [6, option('x-checked', 'yes')],
  );
  return message([3, ok]);
}

type Part = readonly [field: number, value: string | number | Uint8Array];

/** HeaderValueOption. */
function option(name: string, value: string, ...others: readonly Part[]): Uint8Array {
  return message([1, message([1, name], [2, value])], ...others);
}

function message(...parts: readonly Part[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const [field, value] of parts) {
    if (typeof value === 'number') writer.tag(field, WireType.Varint).int32(value);
    else if (typeof value === 'string') writer.tag(field, WireType.LengthDelimited).string(value);
    else writer.tag(field, WireType.LengthDelimited).bytes(value);
  }
  return writer.finish();
}
