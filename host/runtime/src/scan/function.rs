//! The shape of one function body, read and validated at once.

use wasmparser::{
    FrameKind, FuncValidator, FunctionBody, Operator, OperatorsReader, OperatorsReaderAllocations,
    ValidatorResources,
};

use super::{Open, Place, Result, Scan};
use crate::engine::PROPOSALS;
use crate::inspect::malformed;

impl Scan<'_> {
    pub(super) fn function(
        &mut self,
        function: &mut FuncValidator<ValidatorResources>,
        body: &FunctionBody<'_>,
        allocations: OperatorsReaderAllocations,
    ) -> Result<OperatorsReaderAllocations> {
        let (shape, totals) = (self.shape, &mut self.totals);
        let here = Place::Function {
            module: match self.open.last() {
                Some(Open::Module(module)) => *module,
                _ => 0,
            },
            index: function.index(),
        };
        shape.body.check(body.as_bytes().len() as u64, here)?;
        let mut reader = body.get_binary_reader();
        function.read_locals(&mut reader).map_err(malformed)?;
        reader.set_features(PROPOSALS);
        let locals = u64::from(function.len_locals());
        shape.locals.check(locals, here)?;
        shape
            .all_locals
            .add(&mut totals.locals, locals, Place::Whole)?;

        let (mut depth, mut loops, mut loop_depth) = (0, 0, 0);
        let (mut values, mut targets) = (0, 0);
        let mut reader = OperatorsReader::new_with_allocs(reader, allocations);
        while !reader.eof() {
            let at = reader.original_position();
            let operator = reader.read().map_err(malformed)?;
            let edges = match &operator {
                Operator::Loop { .. } => {
                    loops += 1;
                    loop_depth += 1;
                    shape.loop_depth.check(loop_depth, here)?;
                    let product = loop_depth.saturating_mul(locals);
                    shape.loop_depth_by_locals.check(product, here)?;
                    shape.loops_by_locals.check(loops * locals, here)?;
                    let total = &mut totals.loops_by_locals;
                    shape.all_loops_by_locals.add(total, locals, Place::Whole)?;
                    Some(0)
                }
                Operator::End => {
                    let frame = function.get_control_frame(0);
                    if frame.is_some_and(|frame| frame.kind == FrameKind::Loop) {
                        loop_depth -= 1;
                    }
                    Some(0)
                }
                Operator::BrTable { targets: table } => {
                    let count = u64::from(table.len());
                    shape.targets.add(&mut targets, count, here)?;
                    shape
                        .all_targets
                        .add(&mut totals.targets, count, Place::Whole)?;
                    Some(count)
                }
                Operator::Block { .. }
                | Operator::If { .. }
                | Operator::Else
                | Operator::Br { .. }
                | Operator::BrIf { .. }
                | Operator::Return
                | Operator::Call { .. }
                | Operator::CallIndirect { .. } => Some(0),
                _ => None,
            };
            if let Some(edges) = edges {
                // None for what does not validate.
                let arity = operator.operator_arity(&function.visitor(at));
                let (takes, gives) =
                    arity.map_or((0, 0), |(takes, gives)| (takes.into(), gives.into()));
                // A table moves the same with each edge, but for the number that it takes itself.
                let moved = takes + gives + edges * u64::saturating_sub(takes, 1);
                shape.values.add(&mut values, moved, here)?;
                let total = &mut totals.values;
                shape.all_values.add(total, moved, Place::Whole)?;
            }
            function.op(at, &operator).map_err(malformed)?;
            depth = depth.max(u64::from(function.control_stack_height()));
            shape.depth.check(depth, here)?;
            shape
                .stack
                .check(function.operand_stack_height().into(), here)?;
        }
        shape
            .all_depths
            .add(&mut totals.depths, depth, Place::Whole)?;
        let at = reader.original_position();
        let end = reader.get_binary_reader();
        end.finish_expression(&function.visitor(at))
            .map_err(malformed)?;
        Ok(reader.into_allocations())
    }
}
