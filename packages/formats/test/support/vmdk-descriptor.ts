/** A descriptor as ESXi writes it, for extents that are made by hand. */
export function descriptorText(
  createType: string,
  extents: readonly string[],
  further: { readonly cid?: string; readonly parentCid?: string; readonly lines?: readonly string[] } = {},
): string {
  const { cid = 'c0ffee01', parentCid = 'ffffffff', lines = [] } = further
  return [
    '# Disk DescriptorFile',
    'version=1',
    'encoding="UTF-8"',
    `CID=${cid}`,
    `parentCID=${parentCid}`,
    'isNativeSnapshot="no"',
    `createType="${createType}"`,
    ...lines,
    '',
    '# Extent description',
    ...extents,
    '',
    '# The Disk Data Base ',
    '#DDB',
    '',
    'ddb.adapterType = "lsilogic"',
    'ddb.virtualHWVersion = "13"',
    '',
  ].join('\n')
}
