/** The next version of the backend: the same service, under its own name. */
export { startBackend } from './greeter.ts';
