/** Looks at the paths of the command line before anything starts, so that a slip of the pen is named at once. */
import { accessSync, constants, statSync } from 'node:fs';
import { UserError } from './user-error.ts';

/** Throws a UserError for a path that is not there or may not be read. */
export function checkPaths(paths: readonly string[]): void {
  for (const path of paths) {
    try {
      statSync(path);
      accessSync(path, constants.R_OK);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const reason =
        code === 'ENOENT' || code === 'ENOTDIR'
          ? 'there is no such file or folder'
          : `it cannot be read (${code === 'EACCES' ? 'this user has no permission to' : code})`;
      throw new UserError(`${path}: ${reason}. Name a YAML or JSON file, a folder of them, or a kustomization.`);
    }
  }
}
