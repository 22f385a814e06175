/** Returns the system's code of an error (`ENOENT`), or `undefined` for any other value. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** Says in words why a path could not be reached; `undefined` when it is not about this path alone. */
export function pathProblem(error: unknown): string | undefined {
  return pathProblems[systemCode(error) ?? '']
}

/** Tells whether an error says that a path leads nowhere. */
export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')
}

const pathProblems: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of its path is not a folder',
  ELOOP: 'its symbolic links lead in a circle',
  ENAMETOOLONG: 'its name is too long',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  EIO: 'the storage under it fails',
  ENXIO: 'it is not a regular file',
  ESTALE: 'the file server no longer knows it',
}
