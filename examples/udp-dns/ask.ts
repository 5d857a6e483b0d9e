/** `node ask.ts NAME`: asks the gateway with the resolver that Node has, as any program does, and prints the addresses. */
import { Resolver } from 'node:dns/promises';

const [name = ''] = process.argv.slice(2);
const resolver = new Resolver({ timeout: 2000, tries: 2 });
resolver.setServers(['127.0.0.1:5300']);

try {
  console.log((await resolver.resolve4(name)).join('\n'));
} catch (error) {
  console.log((error as NodeJS.ErrnoException).code);
}
