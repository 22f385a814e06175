import { isBackupError } from '@holdfast/core'
import { openTarget, repositoryAccess, restoreScriptBytes } from '@holdfast/core/engine'
import { type ChunkHash, initRepository, type RepositoryDescription } from '@holdfast/core/repository'
import { type ExitCode, exitCodeOf, joinedExitCode } from '../exit-code.js'
import type { Invocation, Outcome } from '../invocation.js'
import { errorDocument } from '../render/errors.js'
import { openSession, type Session } from '../session.js'
import { chosenTargets, hasSets, keyedTransform, openChosen, targetAccess } from '../target-access.js'

/** Options of `init`. */
export interface InitCommandOptions {
  /** @defaultValue every target of the configuration */
  readonly target?: readonly string[]
  /** @defaultValue that of `InitOptions.chunkHash` */
  readonly hash?: ChunkHash
}

/** Makes the repository of every target that lacks one. */
export async function init(invocation: Invocation, { target: given = [], hash }: InitCommandOptions): Promise<Outcome> {
  const { output, signal } = invocation
  await using session = await openSession(invocation)
  const targets = chosenTargets(session.config, given)
  for (const target of targets) keyedTransform(session.config, target)
  const reports: object[] = []
  const codes: ExitCode[] = []
  for (const target of targets) {
    if (hasSets(session.config, target)) {
      output.line(`${target}: nothing to make, each media set gets its repository when it is first written to`)
      reports.push({ target, sets: true })
      codes.push(0)
      continue
    }
    try {
      const { description, created } = await prepare(session, target, hash, invocation)
      const { id: repository, encrypted } = description
      output.event({ type: 'target-ready', target, repository, encrypted, created })
      const what = created ? 'repository made' : 'has its repository already'
      output.line(`${target}: ${what}, ${encrypted ? 'encrypted' : 'not encrypted'} (${repository.slice(0, 8)})`)
      reports.push({ target, repository, encrypted, created })
      codes.push(0)
    } catch (error) {
      signal.throwIfAborted()
      if (targets.length === 1) throw error
      output.error(error)
      reports.push({ target, error: errorDocument(error) })
      codes.push(exitCodeOf(error))
    }
  }
  return { exitCode: joinedExitCode(codes), result: { targets: reports } }
}

async function prepare(
  session: Session,
  name: string,
  chunkHash: ChunkHash | undefined,
  invocation: Invocation,
): Promise<{ readonly description: RepositoryDescription; readonly created: boolean }> {
  const { signal } = invocation
  const { config, host } = session
  const keyed = keyedTransform(config, name)
  const target = { ...targetAccess(config, name), transforms: keyed === undefined ? [] : [keyed], offered: [] }
  try {
    await using opened = await openTarget(target, host, { signal })
    const access = await repositoryAccess(target, host, { signal })
    const repository = await initRepository(opened.store, access, await restoreScriptBytes(), { signal, chunkHash })
    return { description: repository.description, created: true }
  } catch (error) {
    if (!isBackupError(error) || error.code !== 'E_REPOSITORY_EXISTS') throw error
    await using existing = await openChosen(session, name, invocation)
    return { description: existing.repository.description, created: false }
  }
}
