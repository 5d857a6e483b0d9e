/**
 * The authorization server of golden traffic, behind each Service whose name begins with `auth`. It does what Authorization says:
 * `Bearer NAME` lets pass as NAME, `Status CODE` answers with that code, and all else is asked to log in.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** What the server tells the backend, so that the case can see what it was asked. */
export function authorize(request: IncomingMessage, response: ServerResponse): void {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (text: string) => (body += text));
  request.on('end', () => {
    const { authorization = '', host = '', ...others } = request.headers;
    const [scheme, value = ''] = authorization.split(' ');
    const own = Object.keys(others).filter((name) => name.startsWith('x-'));
    if (scheme === 'Bearer') {
      response.setHeader('x-user', value);
      response.setHeader('x-asked', [request.method, request.url, host, ...own].join(' '));
      response.setHeader('x-asked-length', request.headers['content-length'] ?? 'none');
      response.setHeader('x-asked-body', body);
      response.setHeader('host', 'evil.example');
      response.end('welcome');
    } else if (scheme === 'Status') {
      response.writeHead(Number(value), { 'x-refused': 'yes', 'content-type': 'text/x-refusal' }).end('refused');
    } else {
      response.writeHead(302, { location: 'https://login.example/', 'set-cookie': ['a=1', 'b=2'] }).end();
    }
  });
}
