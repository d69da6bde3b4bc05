import { useLayoutEffect, useState } from "react";
import { useLocation, useNavigate } from "react-router";

/** The secret of a link that came by message: it stands in the fragment, which browsers send to no server. It is taken
 *  out of the address bar and the history at once and kept in memory only. Empty when there is none. */
export function useFragmentSecret(): string {
  const { hash, pathname } = useLocation();
  const navigate = useNavigate();
  const [secret, setSecret] = useState("");
  if (hash !== "" && hash.slice(1) !== secret) setSecret(hash.slice(1));
  useLayoutEffect(() => {
    if (hash !== "") void navigate(pathname, { replace: true });
  }, [hash, pathname, navigate]);
  return secret;
}
