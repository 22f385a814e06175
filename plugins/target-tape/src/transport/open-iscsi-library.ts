import type { CallOptions, PluginContext, SecretReference } from '@holdfast/core'
import { type ConnectIscsiOptions, connectIscsi, type IscsiSession } from '@holdfast/protocol-iscsi'
import type { ScsiDevice } from '@holdfast/protocol-iscsi/scsi'
import { fromDevice } from '../drive/drive-errors.js'
import { scsiDrive } from '../drive/scsi-drive.js'
import { scsiChanger } from '../library/scsi-changer.js'
import type { CompleteTapeOptions } from '../options.js'
import type { LibraryDevices } from './library-devices.js'

/** While one block is on its way the drive has another to write. */
const writesAtOnce = 2

/** Connects to a library of one iSCSI target. A connection that was lost is made anew for the next command. */
export async function openIscsiLibrary(
  options: Extract<CompleteTapeOptions['library'], { kind: 'iscsi' }>,
  { resolveSecret, signal }: Pick<PluginContext, 'resolveSecret' | 'signal'>,
): Promise<LibraryDevices> {
  const { host, port, target, changer, drives, chap, digests } = options
  const revealed = async (reference: SecretReference) => (await resolveSecret(reference, { signal })).reveal()
  const name = `library ${target}`
  const wish: ConnectIscsiOptions = {
    host,
    port,
    target,
    headerDigest: digests,
    dataDigest: digests,
    ...(chap !== undefined && {
      chap: {
        name: chap.name,
        secret: await revealed(chap.secret),
        ...(chap.mutual !== undefined && {
          mutual: { name: chap.mutual.name, secret: await revealed(chap.mutual.secret) },
        }),
      },
    }),
  }
  const sessions = lastingSession(await fromDevice(name, 'be reached', () => connectIscsi(wish, { signal })))
  return {
    changer: scsiChanger(name, sessions.device(changer)),
    drives: drives.map((unit, number) => scsiDrive(`drive ${number}`, sessions.device(unit), { writesAtOnce })),
    [Symbol.asyncDispose]: sessions.close,
  }
}

/** A session that is made anew when a command comes after it was lost. */
function lastingSession(first: IscsiSession) {
  let session = Promise.resolve(first)
  let isLost = false
  const watch = (one: IscsiSession) => {
    isLost = false
    void one.closed.then(() => {
      isLost = true
    })
  }
  watch(first)
  const living = async ({ signal }: CallOptions): Promise<IscsiSession> => {
    if (isLost) {
      isLost = false
      const lost = await session
      session = lost.reconnect({ signal })
      session.then(watch, () => {
        session = Promise.resolve(lost)
        isLost = true
      })
    }
    return await session
  }
  return {
    device: (unit: number): ScsiDevice => ({
      execute: async (command, options) => (await living(options)).device(unit).execute(command, options),
    }),
    close: async () => {
      const last = await session.catch(() => undefined)
      await last?.[Symbol.asyncDispose]()
    },
  }
}
