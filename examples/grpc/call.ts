/** `node call.ts SERVICE/METHOD MESSAGE [name=value…] [deadline=MS]`: makes a call and prints each message, or the status. */
import * as grpc from '@grpc/grpc-js';
import { json } from './json.ts';

const [method = '', message = '', ...fields] = process.argv.slice(2);
const metadata = new grpc.Metadata();
const options: grpc.CallOptions = {};
for (const field of fields) {
  const [name = '', value = ''] = field.split('=');
  if (name === 'deadline') options.deadline = Date.now() + Number(value);
  else metadata.set(name, value);
}

const client = new grpc.Client('127.0.0.1:8080', grpc.credentials.createInsecure(), {
  'grpc.default_authority': 'grpc.localhost:8080',
});
const call = client.makeServerStreamRequest(`/${method}`, json.write, json.read, message, metadata, options);
call.on('data', (answer) => console.log(JSON.stringify(answer)));
call.on('error', () => {});
call.on('status', ({ code, details }) => {
  // What a deadline says besides is different each time.
  if (code !== grpc.status.OK) console.log(grpc.status[code], details.startsWith('Deadline') ? '' : details);
  client.close();
});
