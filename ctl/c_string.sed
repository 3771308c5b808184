# A text as C strings, one for each line.
s/["\\]/\\&/g
s/.*/"&\\n"/
