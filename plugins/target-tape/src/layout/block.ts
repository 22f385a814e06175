/** Size of every block on a tape. Spec: "Blocks". */
export const blockBytes = 262_144
