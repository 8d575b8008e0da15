"""One file per platform: a payload becomes canonical events, and one bad event leaves its neighbours alone.

An adapter obeys no producer's score, owner or stage. It reads what is there and asks nobody: facts that a
thin payload leaves out arrive in another event of the same lead.
"""
