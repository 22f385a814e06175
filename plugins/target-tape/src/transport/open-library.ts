import type { PluginContext } from '@holdfast/core'
import { openLinuxLibrary } from '../linux/open-linux-library.js'
import type { CompleteTapeOptions } from '../options.js'
import type { LibraryDevices } from './library-devices.js'
import { openIscsiLibrary } from './open-iscsi-library.js'

/** Opens a library, however it is reached. */
export async function openLibrary(
  options: CompleteTapeOptions['library'],
  context: PluginContext,
): Promise<LibraryDevices> {
  if (options.kind === 'iscsi') return await openIscsiLibrary(options, context)
  const { close, ...devices } = await openLinuxLibrary(options, context)
  return { ...devices, [Symbol.asyncDispose]: close }
}
