import { useQuery } from "@tanstack/react-query";

export type NetworkGrade = "good" | "fair" | "poor" | "none";

const PROBES = 4;

/** How the way to the server feels. Cheap on purpose: a few empty answers, and what the browser says of the line. */
export function useNetworkGrade() {
  return useQuery({ queryKey: ["network"], queryFn: ({ signal }) => probe(signal), staleTime: 60_000, retry: false });
}

async function probe(signal: AbortSignal): Promise<NetworkGrade> {
  const times: number[] = [];
  try {
    for (let at = 0; at < PROBES; at += 1) {
      const start = performance.now();
      await fetch("/livez", { cache: "no-store", signal });
      times.push(performance.now() - start);
    }
  } catch (error) {
    if (signal.aborted) throw error;
    return "none";
  }
  // The first one also opened the connection.
  return gradeNetwork(Math.min(...times.slice(1)), downlink());
}

/** Round trip in milliseconds; `megabits` a second as the browser estimates it, null when it does not. */
export function gradeNetwork(roundTrip: number, megabits: number | null): NetworkGrade {
  if (roundTrip > 500 || (megabits !== null && megabits < 0.4)) return "poor";
  if (roundTrip > 200 || (megabits !== null && megabits < 1)) return "fair";
  return "good";
}

/** Only some browsers have it. */
function downlink(): number | null {
  const { connection } = navigator as Navigator & { connection?: { downlink?: number } };
  return connection?.downlink ?? null;
}
