/** Messages as JSON text. */
export const json = {
  write: (value: unknown): Buffer => Buffer.from(JSON.stringify(value)),
  read: (bytes: Buffer): unknown => JSON.parse(bytes.toString()),
};
