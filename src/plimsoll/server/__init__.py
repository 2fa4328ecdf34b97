"""Everything wired together: the local call, the HTTP app, supervision."""
