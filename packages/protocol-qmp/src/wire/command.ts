/** Arguments of a command, as JSON can say them. Fields that are undefined are left out. */
export type CommandArguments = Readonly<Record<string, unknown>>

const utf8 = new TextEncoder()

/**
 * Encodes a command and the line end after it.
 *
 * @throws TypeError for arguments that JSON cannot say
 */
export function encodeCommand(execute: string, args?: CommandArguments, id?: number): Uint8Array {
  return utf8.encode(`${JSON.stringify({ execute, arguments: args, id })}\n`)
}
