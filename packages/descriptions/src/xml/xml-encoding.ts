/** The encoding that an XML declaration states. */
export function statedXmlEncoding(head: string): string | undefined {
  return /^\s{0,64}<\?xml[^>]{0,200}?\sencoding\s{0,8}=\s{0,8}["']([A-Za-z][\w.-]{0,40})["']/.exec(head)?.[1]
}
