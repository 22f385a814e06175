import { type CallOptions, isBackupError, type Logger } from '@holdfast/core'
import { type DiskImage, isImageError } from '@holdfast/formats'
import { isVimError } from '@holdfast/protocol-vim'
import { sourceError } from '../errors.js'
import type { VmwareDisk } from '../inventory/disks.js'
import type { Transport } from './transport.js'

/** Opens a disk by the first way that leads there, and says which and why. @throws BackupError `E_SOURCE_READ` when none does */
export async function openByFirst(
  transports: readonly Transport[],
  disk: VmwareDisk,
  { machine, logger }: { readonly machine: string; readonly logger: Logger },
  options: CallOptions,
): Promise<DiskImage> {
  const failures: { readonly kind: string; readonly error: Error }[] = []
  for (const transport of transports) {
    try {
      const image = await transport.open(disk, options)
      if (image.sizeBytes !== disk.sizeBytes) {
        await image[Symbol.asyncDispose]()
        throw sourceError(
          'E_SOURCE_INVALID',
          `its file holds ${image.sizeBytes} bytes, and the machine has ${disk.sizeBytes}`,
        )
      }
      const after = failures.map(({ kind, error }) => `${kind} did not work: ${error.message}`).join('; ')
      logger.info(`disk is read by ${transport.kind}${after === '' ? ', the first choice' : `; ${after}`}`, {
        machine,
        disk: disk.id,
      })
      return image
    } catch (error) {
      options.signal.throwIfAborted()
      if (!isBackupError(error) && !isVimError(error) && !isImageError(error)) throw error
      failures.push({ kind: transport.kind, error })
    }
  }
  const reasons = failures.map(({ kind, error }) => `${kind}: ${error.message}`).join(' ')
  throw sourceError('E_SOURCE_READ', `No transport leads to disk '${disk.label}' of machine '${machine}'. ${reasons}`, {
    operation: 'source.read',
    context: { machine, disk: disk.id },
    hint: 'Name another transport in the option transports, or see to the reasons.',
    cause: failures.at(-1)?.error,
    retry: failures.some(({ error }) => isVimError(error) && error.isTransient) ? 'transient' : 'never',
  })
}
