"""The page over a deployed stack: what stands behind its routes there.

Its modules ask AWS as whoever starts them: `tailrace dashboard --stage S` as the user, the stack's
function `page` by its role.
"""
