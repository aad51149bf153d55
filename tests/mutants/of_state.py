"""What has to follow from a change, and only that: the incremental program, numbers, the session."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    # -- the incremental program
    Mutant("a changed policy is not compiled again", "program",
        "            if key in self._policies:\n", "            if False:\n"),
    Mutant("a policy that nobody needs stays", "program", "if not before or key not in counter:", "if not before:"),
    Mutant("a moved interface leaves its old seat's flows", "seating", "                yield other, None\n", ""),
    Mutant("a renamed switch is not noticed", "seating", "            if len(names) > 1:\n", "            if False:\n"),
    Mutant("a sub-port is not looked for", "seating", "for tag in sorted(self._tags[ofport] | claims.keys()):",
        "for tag in (0,):"),
    Mutant("an interface with a sub-port is an uplink", "seating",
        "if port.ofport == LOCAL or self._tags.get(port.ofport):",
        "if port.ofport == LOCAL or 0 in self._tags.get(port.ofport, ()):"),
    Mutant("a changed list of policies is not followed", "copies",
        "        if chunks != before:\n", "        if False:\n"),
    Mutant("a policy that hears many now is not noticed", "program",
        "            self._copies.policy_changed(number)\n", "            pass\n"),
    # -- numbers
    Mutant("a rule's id is given twice", "numbers",
        'self._set("counter", (name,), number)\n', 'self._set("counter", (name,), min(number, 9))\n'),
    Mutant("a segment's zone stays when its last port goes", "numbers",
        '            self._set("zone", (old.tenant, str(old.vlan)), None)\n', "            pass\n"),
    Mutant("undo forgets the last write", "inventory",
        "self._place(write.kind, write.id, write.before)",
        "self._place(write.kind, write.id, write.before if write.before else write.after)"),
    # -- the session
    Mutant("changes during a push are forgotten", "session",
        "                self._stale |= cookies\n",
        "                self._stale |= cookies if self.state is State.SYNCED else set()\n"),
    Mutant("a copied cookie counts as installed", "session", "        self.installed -= self._strange\n", ""),
    Mutant("what went while the switch was read stays", "session",
        "gone, self._stale = self._stale & self.installed, set()", "gone, self._stale = set(), set()"),
    Mutant("what the switch held before it reconnected counts", "session",
        "self.installed, self._strange, self._stale = set(), set(), set()",
        "self._strange, self._stale = set(), set()"),
    Mutant("flows of earlier programs stay", "session",
        "elif cookie >> OWNER_SHIFT == OWNER or not self.keep_foreign:",
        "elif cookie >> OWNER_SHIFT != OWNER and not self.keep_foreign:"),
)  # fmt: skip
