"""The one list of lessons: order, names, minutes, what each needs and gives.

Notebook titles, the map in the start notebook, "next" links and ``k8snet open`` all read
this list. A lesson that is not `ready` is shown as coming and never linked.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

from k8snet_lessons.errors import InputError

Kind = Literal["guide", "lesson"]


@dataclass(frozen=True)
class Lesson:
    """One notebook of the course.

    Parameters
    ----------
    slug : str
        File name without ending: ``01-north-south-path``. The number comes first.
    title : str
        Title without its number.
    question : str
        What the lesson answers, in a learner's words.
    minutes : int
        How long an attentive first reading with its knobs takes, without the exercise.
    needs : tuple of int
        Numbers of the lessons to read before.
    outcomes : tuple of str
        What the learner can do afterwards; each completes "You will be able to ...".
    ready : bool
        Whether the notebook exists.
    exercise : bool
        Whether ``exercises/<slug>.ipynb`` exists.
    kind : {"lesson", "guide"}
        A guide (the start, the ledger of evidence) has no guess, no exercise, no quiz.
    """

    slug: str
    title: str
    question: str
    minutes: int
    needs: tuple[int, ...] = ()
    outcomes: tuple[str, ...] = ()
    ready: bool = False
    exercise: bool = False
    kind: Kind = field(default="lesson")

    @property
    def number(self) -> int:
        """The number that the slug begins with."""
        return int(self.slug[:2])

    @property
    def path(self) -> str:
        """The notebook's path inside the course."""
        return f"notebooks/{self.slug}.ipynb"

    @property
    def file(self) -> str:
        """The notebook's file name, for links between notebooks."""
        return f"{self.slug}.ipynb"


LESSONS: Final[tuple[Lesson, ...]] = (
    Lesson(
        "00-start-here",
        "Start here",
        "What is this course, and what does one knob do to a p99?",
        10,
        ready=True,
        kind="guide",
    ),
    Lesson(
        "01-north-south-path",
        "From the load balancer to your pod",
        "Which hops does a request cross, and whose address does your pod see?",
        35,
        needs=(0,),
        outcomes=(
            "draw the path of a request from the client to the application's socket",
            "give source and destination of the packet before and after every rewrite",
            "say what the client sees when a given hop fails, and after how long",
            "choose between node ports and pod addresses, and between the two external traffic "
            "policies, and name the price of each",
        ),
        ready=True,
        exercise=True,
    ),
    Lesson(
        "02-clusterip-illusion",
        "The ClusterIP illusion",
        "How can an address answer that no interface has?",
        35,
        needs=(1,),
        outcomes=(
            "follow a packet to a ClusterIP through a node's rules, your own node's included",
            "say why the probabilities are 1/n, 1/(n-1), ..., 1, and what share each pod gets",
            "say which source address a pod sees, for every kind of caller and policy",
            "tell a refused connection from a silent one, and name the table behind each",
        ),
        ready=True,
        exercise=True,
    ),
    Lesson(
        "03-kube-proxy-at-scale",
        "kube-proxy at scale",
        "What do ten thousand Services cost, and which packet pays?",
        30,
        needs=(2,),
        outcomes=(
            "say which packet walks the rules of a large cluster, and what the walk costs",
            "count what one change makes every node write, in each proxy mode",
            "choose a proxy mode from two bills, and say what it does not cure",
        ),
        ready=True,
        exercise=True,
    ),
    Lesson(
        "04-dns-and-ndots",
        "DNS and ndots",
        "How many questions does one name cost?",
        35,
        needs=(1,),
        outcomes=(
            "count the queries of a lookup for glibc, musl and Go, from a pod's resolv.conf",
            "say which names stop resolving when ndots or the search list change",
            "choose between a trailing dot, a lower ndots, a node cache, autopath and replicas",
        ),
        ready=True,
        exercise=True,
    ),
    Lesson(
        "05-conntrack-exhaustion",
        "When the connection table is full",
        "Who is refused when conntrack is full, and who notices nothing?",
        35,
        needs=(2,),
        outcomes=(
            "say how many entries a load keeps in the table, and when a burst fills it",
            "tell a full table from other faults by what clients and counters show",
            "choose between a larger table, shorter time-outs and reuse, and name each price",
        ),
        ready=True,
        exercise=True,
    ),
    Lesson(
        "06-cni-models",
        "Wires: overlays, routes, eBPF",
        "What does your CNI add to every packet?",
        30,
        needs=(1,),
        outcomes=(
            "name a CNI by its encapsulation and its datapath, and say what each asks for",
            "count the bytes of a tunnel, and set the MTU that it leaves to the pods",
            "recognize the black hole of a wrong MTU by what passes and what hangs",
            "say for which load a tunnel costs much, and for which it does not",
        ),
        ready=True,
        exercise=True,
    ),
    Lesson(
        "07-network-policy",
        "NetworkPolicy",
        "Who may talk to whom, and which rule decided?",
        35,
        needs=(1,),
        outcomes=(
            "say which policy and which rule decide about a connection, and why the others miss",
            "tell what one list item and two list items admit",
            "write policies that admit exactly what is needed, and check them before they apply",
        ),
        ready=True,
        exercise=True,
    ),
    Lesson(
        "08-ingress-and-gateway",
        "Ingress and Gateway",
        "Which rule takes this request, and how long will the proxy wait?",
        40,
        needs=(1,),
        outcomes=(
            "say which paths an Ingress rule takes, by its path type",
            "say which of several HTTPRoute rules takes a request, and which certificate is shown",
            "read an Ingress and its HTTPRoute twin, and name what does not carry over",
            "predict what a proxy's time-outs make of a slow pod, retries included",
        ),
        ready=True,
        exercise=True,
    ),
    Lesson(
        "09-topology-aware-routing",
        "Topology-aware routing",
        "Why does traffic leave the zone, and what does keeping it in cost?",
        30,
        needs=(2,),
        outcomes=(
            "say which part of a Service's traffic crosses zones, and what a month of it costs",
            "predict whether the old annotation yields hints, and what happens when it does not",
            "find the zone that overheats, and size endpoints for a zone-local policy",
        ),
        ready=True,
        exercise=True,
    ),
    Lesson(
        "10-connection-pinning",
        "Connection pinning",
        "Why are eighteen of twenty pods idle?",
        35,
        needs=(2,),
        outcomes=(
            "say who chooses the pod of a request, when, and what makes them choose again",
            "predict how many pods stay idle, from connections and pods alone",
            "choose a cure for pinned connections, and name its price and its blind spot",
            "take pods away without losing requests",
        ),
        ready=True,
        exercise=True,
    ),
    Lesson(
        "11-failure-isolation",
        "Failure isolation",
        "How far does one broken part reach, and for how long?",
        40,
        needs=(4, 5),
        outcomes=(
            "say who suffers from a fault, by what is shared and who calls whom",
            "name the two clocks of a lost node, and what a PodDisruptionBudget is good for",
            "tell whether a storm of retries ends by itself, and set what ends it",
            "choose defenses for given faults, and name the price of each",
        ),
        ready=True,
        exercise=True,
    ),
    Lesson(
        "12-incident-room",
        "The incident room",
        "Something is slow. What is it?",
        45,
        needs=(3, 4, 5, 7, 10, 11),
        outcomes=(
            "go from a page to a cause with the tools of a node and a cluster",
            "say what a refusal, a silence and a whole second of delay exclude",
            "choose the look that parts your suspects, and name what would prove you wrong",
            "tell a fix that cures from one that only helps",
        ),
        ready=True,
        exercise=True,
    ),
    Lesson(
        "13-mock-interview",
        "The mock interview",
        "Can you explain it to a staff engineer?",
        45,
        needs=(1, 2, 3, 10),
        outcomes=(
            "answer an open question in an order that a tired interviewer can follow",
            "say which of your statements make a point, and which contradict one",
            "prove a claim by a number or a trace from a model",
        ),
        ready=True,
        exercise=True,
    ),
    Lesson(
        "90-evidence",
        "The evidence",
        "Where does every number in this course come from?",
        15,
        kind="guide",
        ready=True,
    ),
)

_BY_NUMBER: Final = {lesson.number: lesson for lesson in LESSONS}


def lesson(number: int) -> Lesson:
    """Return the lesson with this number."""
    try:
        return _BY_NUMBER[number]
    except KeyError:
        raise InputError("lesson", number, f"one of {sorted(_BY_NUMBER)}") from None


def find(wanted: str) -> Lesson:
    """Return the lesson meant by a number, a slug, or a part of a slug.

    Raises
    ------
    InputError
        If none or several match.

    Examples
    --------
    >>> find("1").slug, find("ndots").slug
    ('01-north-south-path', '04-dns-and-ndots')
    """
    word = wanted.strip().lower().removesuffix(".ipynb").rsplit("/", 1)[-1]
    if word.isdecimal() and int(word) in _BY_NUMBER:
        return _BY_NUMBER[int(word)]
    matches = [one for one in LESSONS if one.slug == word]
    matches = matches or [one for one in LESSONS if word and word in one.slug]
    if len(matches) != 1:
        slugs = ", ".join(one.slug for one in (matches or LESSONS))
        raise InputError("lesson", wanted, f"one of {slugs}")
    return matches[0]


def following(here: Lesson) -> Lesson | None:
    """Return the lesson after this one in the list, or None at the end."""
    place = LESSONS.index(here)
    return LESSONS[place + 1] if place + 1 < len(LESSONS) else None


def numbered() -> tuple[Lesson, ...]:
    """Return the lessons proper, without the guides: the N of "lesson n of N"."""
    return tuple(one for one in LESSONS if one.kind == "lesson")
