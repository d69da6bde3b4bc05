import { createContext } from "react";

import type { View } from "../../rtc/view";

/** Where pictures of others say how large they are; null outside of a call. */
export const ViewContext = createContext<View | null>(null);
