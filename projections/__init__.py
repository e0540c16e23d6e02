"""The third floor: answers. Every table here can be dropped and made anew from the ledger."""
