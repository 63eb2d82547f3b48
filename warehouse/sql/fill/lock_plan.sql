-- Whoever plans or shows a derived thing does so alone. Null: it was never planned.
SELECT planned_at
FROM derived
WHERE name = %(name)s
FOR UPDATE;
