/** Modes of what is for its owner alone, such as the state directory: configurations may hold secrets. */

/** Of folders. */
export const FOLDER_MODE = 0o700;

/** Of files. */
export const FILE_MODE = 0o600;
