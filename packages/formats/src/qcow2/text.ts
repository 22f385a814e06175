const decoder = new TextDecoder()

/** Decodes a string of a fixed length; a zero byte ends it early, as it does for QEMU. */
export function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return decoder.decode(end === -1 ? bytes : bytes.subarray(0, end))
}
