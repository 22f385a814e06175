import { type Logger, type PutOptions, untilAborted } from '@holdfast/core'
import type { AcmeClient } from './acme-client.js'
import { calling, failure, translated, type Where } from './errors.js'

/** Stores an object: all of it, or nothing. */
export async function putObject(
  client: AcmeClient,
  name: string,
  body: AsyncIterable<Uint8Array>,
  { signal, sizeBytes, retainUntil }: PutOptions,
  logger: Logger,
): Promise<void> {
  const where: Where = { operation: 'put', subject: name, signal }
  if (retainUntil !== undefined) throw failure('E_UNSUPPORTED', 'the vault cannot lock objects', where)
  const upload = await calling(where, () => client.upload(name, signal))
  try {
    let received = 0
    for await (const piece of untilAborted(body, signal)) {
      received += piece.length
      await upload.write(piece)
    }
    if (sizeBytes !== undefined && received !== sizeBytes) {
      throw failure('E_TARGET_IO', `${sizeBytes} bytes were announced and ${received} came`, where)
    }
    await upload.complete()
  } catch (error) {
    await upload.cancel().catch((reason: unknown) => {
      // What failed first is what the operator must know.
      logger.warn('an unfinished upload could not be cancelled', { name, reason: String(reason) })
    })
    throw translated(error, where)
  }
}
