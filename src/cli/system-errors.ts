/** Turns what the system says about a socket into what happened and what to do. */
import { ownerOfPort } from '../lib/port-owner.ts';
import type { HostPort } from './arguments.ts';
import { hostPort } from './report.ts';
import { UserError } from './user-error.ts';

/** Why the admin API cannot listen; errors of another kind stay what they are. */
export function adminProblem(error: unknown, { host, port }: HostPort): unknown {
  const { code } = error as NodeJS.ErrnoException;
  const place = hostPort(host, port);
  switch (code) {
    case 'EADDRINUSE':
      return new UserError(
        `the admin API cannot listen on ${place}: the port is in use${byWhom(port)}. Choose another with --admin ${hostPort(host, port + 1)}.`,
      );
    case 'EACCES':
      return new UserError(
        `the admin API may not listen on ${place}: ports below 1024 need a privilege. Choose a higher one with --admin.`,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new UserError(`the admin API cannot listen on ${place}: no interface of this machine has that address.`);
    default:
      return error;
  }
}

/** ` by nginx (pid 4711)`, or nothing where it cannot be told. */
export function byWhom(port: number): string {
  const owner = ownerOfPort(port);
  return owner === null ? '' : ` by ${owner}`;
}
